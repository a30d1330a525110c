/** What the server under test is started with: the settings that your provider needs, if any. */
export const settings = {};

/** YOURS: headers that your provider lets in. Until there are some, the tests that need them are skipped. */
export const goodHeaders: Record<string, string> | undefined = undefined;

/** Headers that it refuses. */
export const badHeaders: Record<string, string> | undefined = { Authorization: 'Bearer wrong' };
