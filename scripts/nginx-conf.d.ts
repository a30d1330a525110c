/** The configuration of an nginx that runs in a folder of its own, in the foreground. @param http goes into the `http` block */
export function nginxConf(http: string): string;
