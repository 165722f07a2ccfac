// Tries what no job may do, and prints what it could do all the same.
'use strict';
const fs = require('fs');
const { spawnSync } = require('child_process');

const could = (what, attempt) => {
  try {
    if (attempt() !== false) console.log(`could ${what}`);
  } catch {}
};
for (const path of ['/intruder', '/tmp/intruder', '/usr/intruder', '/etc/passwd', '/dev/intruder', '/gristmill/lib/x', '../x'])
  could(`write ${path}`, () => fs.writeFileSync(path, 'x'));
for (const path of ['/etc/shadow', '/proc/self/environ', '/proc/1/environ', '/proc/self/maps', '/root/.bashrc', '/dev/mem'])
  could(`read ${path}`, () => fs.readFileSync(path).length > 0);
for (const path of ['/bin/sh', '/python/bin/python', '/usr/bin/env', 'sh'])
  could(`start ${path}`, () => spawnSync(path, ['-c', 'exit']).error === undefined);
could('signal the first process', () => process.kill(1, 0));
could('signal its parent', () => process.ppid > 0 && process.kill(process.ppid, 0));
could('become root', () => process.setuid(0));
could('load a library of its own', () => {
  fs.writeFileSync('own.node', 'no library');
  process.dlopen({ exports: {} }, `${process.cwd()}/own.node`);
});
could('use the inner bindings for files', () => process.binding('fs').open('/intruder', 65, 0o600) >= 0);
for (const name of Object.keys(process.env))
  could(`read ${name}`, () => !['PATH', 'LANG', 'LC_ALL', 'HOME', 'TMPDIR', 'UV_THREADPOOL_SIZE'].includes(name));
let waiting = 2;
const done = (what) => (outcome) => {
  if (outcome) console.log(`could ${what}`);
  if (--waiting === 0) {
    console.log('tried');
    process.exit(0);
  }
};
const tried = (what, start) => {
  const end = done(what);
  try {
    start(end);
  } catch {
    end(false);
  }
};
tried('connect', (end) => {
  const socket = require('net').connect(80, '127.0.0.1');
  socket.on('error', (error) => end(error.code === 'ECONNREFUSED'));
  socket.on('connect', () => end(true));
});
tried('listen', (end) => {
  const server = require('net').createServer();
  server.on('error', () => end(false));
  server.listen('./own.sock', () => end(true));
});
