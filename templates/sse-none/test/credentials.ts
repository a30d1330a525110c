/** What the server under test is started with, settings of your own included. */
export const settings = {};

/** This server needs no credential, and so refuses none. */
export const goodHeaders: Record<string, string> | undefined = {};
export const badHeaders: Record<string, string> | undefined = undefined;
