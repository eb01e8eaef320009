/**
 * Loads what the demo machine boots without: applications, TCP, packed rings, other machines. In the built worker they lie
 * in a file of their own (`hosts/worker/deferred.ts`), and nothing of them works before this has resolved; run from its
 * sources, all is there from the beginning.
 */
export const loadRest = (): Promise<void> => Promise.resolve();
