#!/usr/bin/env node
// Old syntax on purpose: a Node.js that is too old must be able to parse this file to print the message.
var wanted = [20, 12];
var running = process.versions.node.split('.').map(Number);
var tooOld = running[0] < wanted[0] || (running[0] === wanted[0] && running[1] < wanted[1]);

if (tooOld) {
  console.error(
    'create-mcp-sse needs Node.js ' +
      wanted.join('.') +
      ' or newer. This is ' +
      process.versions.node +
      '. Get a newer one at https://nodejs.org',
  );
  process.exitCode = 1;
} else {
  require('./load.js');
}
