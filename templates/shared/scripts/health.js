// Ends with 0 when the server in this container is healthy, so that the image needs no curl.
import http from 'node:http';
import https from 'node:https';

const { PORT, TLS_CERT_FILE, ALLOWED_HOSTS } = process.env;
const allowed = ALLOWED_HOSTS?.split(',')[0].trim();

const { get } = TLS_CERT_FILE ? https : http;
const request = get({
  host: '127.0.0.1',
  port: PORT,
  path: '/health',
  headers: allowed && allowed !== '*' ? { Host: allowed } : {},
  rejectUnauthorized: false, // The certificate is for the name that clients use.
  timeout: 4000,
});
request.on('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1));
request.on('timeout', () => process.exit(1));
request.on('error', () => process.exit(1));
