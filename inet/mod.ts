/**
 * Ground floor: the internet's protocols as layouts and pure state machines, without devices, sockets or clocks of their
 * own. The guest's network stack and the host's user-mode network are both made of them.
 */
