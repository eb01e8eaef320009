# What the Linux guest does: serves a file, pings the unikernel at 10.0.5.1, and fetches from its web server.
ip addr add 10.0.5.2/24 dev eth0
ip link set eth0 up
dd if=/dev/urandom of=/www/random bs=1024 count=3000 2>/dev/null
httpd -p 80 -h /www
echo "SERVING $(sha256sum < /www/random | cut -d' ' -f1)"
for try in $(seq 120); do ping -c 1 -W 1 10.0.5.1 > /dev/null 2>&1 && break; done
ping -c 20 -i 0.05 -s 1400 10.0.5.1 | grep received | sed 's/^/PING /'
ping -c 3 -s 4000 10.0.5.1 | grep received | sed 's/^/PING-FRAGMENTS /'
echo "PAGE $(wget -q -O - http://10.0.5.1:9975/hello.txt)"
wget -q -O /tmp/big http://10.0.5.1:9975/big/8
echo "BIG $(sha256sum < /tmp/big | cut -d' ' -f1)"
echo "SAID $(wget -q -O - http://10.0.5.1:9975/big/8.sha256 | cut -d' ' -f1)"
echo FETCHED
# From here on it only answers, until it is switched off.
sleep 600
