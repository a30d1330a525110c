import { userInfo } from 'node:os';

/** What nginx keeps in files, to be kept in its own folder. */
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** The configuration of an nginx that runs in a folder of its own, in the foreground. @param http goes into the `http` block */
export function nginxConf(http) {
  return `daemon off;
user ${userInfo().username};
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  ${http}
}
`;
}
