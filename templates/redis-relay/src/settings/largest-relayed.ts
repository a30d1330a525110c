/**
 * The largest message that Redis carries to another process. Redis drops a subscriber for which more than 32 MB wait
 * (`client-output-buffer-limit pubsub`), so a message of that size would never arrive; this leaves room for others.
 */
export const largestRelayed = '24mb';
