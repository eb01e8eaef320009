/** Version of Pagurus: the kernel's log and reports name it. */
export const VERSION = "0.1.0";
