/** What the server under test is started with: what your provider needs, and settings of your own. */
export const settings = {};

/** YOURS: headers that your provider lets in. Until there are some, the tests that need them are skipped. */
export const goodHeaders: Record<string, string> | undefined = undefined;

/** Headers that it refuses. */
export const badHeaders: Record<string, string> | undefined = { Authorization: 'Bearer wrong' };
