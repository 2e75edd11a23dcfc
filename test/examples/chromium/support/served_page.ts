/** The page as its visitors get it: served by the documented command, or by any server below some path. */
import {spawn} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../../..');

/** Where `npm run example:browser` puts the files. */
export const PAGE_FOLDER = path.join(root, 'build', 'examples', 'browser');

export interface Served {
  url: string;
  stop(): Promise<void>;
}

/** `npm run example:browser`, up to the line with the address. */
export async function runExample(): Promise<Served> {
  const child = spawn(process.execPath, ['scripts/example_browser.mjs'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const found = /http:\/\/localhost:\d+/.exec(output);
        if (found != null) resolve(found[0]);
      });
    }
    child.once('exit', () => reject(new Error(`example:browser ended: ${output}`)));
  });
  return {
    url: `${url}/`,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** The simplest of static servers, with the page at `/some/where/`. */
export async function serveBelow(folder: string): Promise<Served> {
  const prefix = '/some/where/';
  const server = createServer((request, response) => {
    const asked = new URL(request.url ?? '', 'http://localhost').pathname;
    const name = asked === prefix ? 'index.html' : asked.slice(prefix.length);
    const file = path.join(folder, name);
    if (!asked.startsWith(prefix) || !file.startsWith(folder)) {
      response.writeHead(404).end();
      return;
    }
    readFile(file).then(
      (data) => {
        const type = TYPES[path.extname(file)] ?? 'text/plain';
        response.writeHead(200, {'content-type': type}).end(data);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}${prefix}`,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
