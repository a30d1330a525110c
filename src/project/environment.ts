/**
 * The environment that other programs are run with: the caller's, without what steers git, Node.js or a package manager.
 * A git hook, an npm script or a test runner above this command sets such variables for its own purposes. Left in, they
 * would decide which repository is made, what is installed and what is proved.
 */
export function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !steers(name)));
}

function steers(name: string): boolean {
  const variable = name.toLowerCase().replaceAll('-', '_'); // package managers read them in any case
  const [, setting] = settings.exec(variable) ?? [];
  if (setting !== undefined) return !fetching.test(setting);
  return others.test(variable) && !ownGit.test(variable);
}

/** Settings of npm, pnpm, Yarn and Bun. Not NPM_TOKEN, which an .npmrc may name, PNPM_HOME or BUN_INSTALL. */
const settings = /^(?:npm_config|pnpm_config|yarn_npm|yarn|bun_config|bun_install)_(.+)$/;

/** Those that stay: from where packages are fetched, how, with which credentials and certificates, and where they are cached. */
const fetching = new RegExp(
  `^(?:${[
    '.*[:/].*', // of one scope or host, such as npm_config_//npm.example.com/:_authToken
    'registry|registry_server|_auth.*|auth_token|auth_ident|always_auth|token|username|_?password',
    'proxy|http_proxy|https_proxy|noproxy|no_proxy|local_address|unsafe_http_whitelist',
    'ca|cafile|cert|certfile|key|keyfile|(?:https_)?(?:ca|cert|key)_file_path|strict_ssl|enable_strict_ssl',
    'cache|cache_dir|cache_folder|store_dir|state_dir|global_folder|enable_global_cache|enable_mirror',
    'offline|prefer_offline|enable_network|yarn_offline_mirror',
    '(?:fetch|network|http|max_http|dns)_.*|maxsockets',
    'userconfig|globalconfig',
    'ignore_scripts|enable_scripts', // a precaution that no install needs to be without
  ].join('|')})$`,
);

const others = new RegExp(
  `^(?:${[
    'git_.*',
    'npm_(?:package|lifecycle|command|execpath|node_execpath).*',
    'pnpm_(?:package|script).*',
    'bun_(?:options|be_bun|feature_.*|inspect.*)',
    'node_(?:channel_.*|env|options|path|preserve_symlinks.*|test_context|unique_id|v8_coverage)',
    'init_cwd|project_cwd|berry_bin_folder',
  ].join('|')})$`,
);

/** Who commits, and where the user keeps the settings of git. */
const ownGit = /^git_(?:(?:author|committer)_(?:name|email)|config_(?:global|nosystem|system))$/;
