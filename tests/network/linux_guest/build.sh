#!/bin/sh
# Builds a small Linux guest out of Debian's packages (cloud kernel, static busybox) into DIR: vmlinuz and initrd.gz.
# Usage: build.sh DIR SCRIPT      SCRIPT runs as root once the network driver is loaded.
# Packages that are in DIR already are not fetched again. Needs apt-get, dpkg, gzip, and a network.
set -eu
script=$(realpath "$2")
mkdir -p "$1/packages"
cd "$1"
if [ ! -e vmlinuz ]; then
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  [ -n "$kernel" ] || { echo "no kernel package is known (apt-get update)" >&2; exit 1; }
  (cd packages && apt-get -qq download "$kernel" busybox-static && for p in *.deb; do dpkg -x "$p" .; done)
  cp packages/boot/vmlinuz-* vmlinuz
fi
rm -rf root
mkdir -p root/bin root/dev root/proc root/sys root/modules root/tmp root/www
cp packages/bin/busybox root/bin/ 2>/dev/null || cp packages/usr/bin/busybox root/bin/
for applet in $(root/bin/busybox --list); do
  [ "$applet" = busybox ] || ln -sf busybox "root/bin/$applet"
done
modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci failover net_failover virtio_net"
for module in $modules; do
  find packages -name "$module.ko" | head -n 1 | xargs -I{} cp {} root/modules/
done
cp "$script" root/script
cat > root/init <<INIT
#!/bin/sh
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
for module in $modules; do [ -e /modules/\$module.ko ] && insmod /modules/\$module.ko; done
ip link set lo up
sh /script
poweroff -f
INIT
chmod +x root/init
(cd root && find . | ./bin/busybox cpio -o -H newc 2>/dev/null | gzip -1) > initrd.gz
