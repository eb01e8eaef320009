/**
 * The real QEMU as a platform: a `qemu-system-x86_64` whose CPU is parked, its devices driven over qtest, its RAM shared.
 * Linux only. What it needs: `--allow-run=setsid`, `--allow-read` and `--allow-write` for a temporary folder, `--allow-ffi`
 * for shared RAM (without: slower), and the programs setsid, setpriv, prlimit, taskset (util-linux), mkfifo, mktemp.
 */
export { qemuArguments } from "./arguments.ts";
export { QemuError, type QemuErrorKind } from "./error.ts";
export { QemuPlatform } from "./platform.ts";
export type { QemuHost } from "./start.ts";
