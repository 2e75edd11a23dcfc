/** A machine for setup to work on: folders of its own, and programs that are played by functions. */
import {createHash} from 'node:crypto';
import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {pipeline} from 'node:stream/promises';
import yazl from 'yazl';
import type {CommandResult, RunCommand} from '../../../src/cli/setup/run_command.js';
import {setup, type SetupOptions, type SetupResult} from '../../../src/cli/setup/setup.js';
import {TENSORFLOW_VERSION} from '../../../src/cli/setup/versions.js';

const OK: CommandResult = {code: 0, stdout: '', stderr: ''};

/** Answers a command, or null to leave it to the machine. */
export type Answer = (command: string[]) => Promise<CommandResult | null> | CommandResult | null;

export class FakeMachine {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'tfjs-mapl-setup-'));
  readonly cache = path.join(this.folder, 'cache');
  readonly tfjsNode = path.join(this.folder, 'node_modules/@tensorflow/tfjs-node');
  readonly native = path.join(this.folder, 'native');
  readonly binding = path.join(this.tfjsNode, 'lib/napi-v8/tfjs_binding.node');
  /** What ran: `pip`, `g++ <output>`, `load`. */
  commands: string[] = [];
  lines: string[] = [];
  /** Set by a test to make a program behave differently. */
  answer: Answer = () => null;
  /** Members of the wheel. */
  members: Record<string, string> = {
    'tensorflow/libtensorflow_cc.so.2': 'the library'.repeat(1000),
    'tensorflow/libtensorflow_framework.so.2': 'the framework',
    'tensorflow/include/tensorflow/c/c_api.h': '#pragma once',
    'tensorflow/python/big.py': 'not wanted',
  };

  constructor() {
    mkdirSync(path.join(this.tfjsNode, 'binding'), {recursive: true});
    writeFileSync(
      path.join(this.tfjsNode, 'package.json'),
      JSON.stringify({version: '4.22.0', binary: {napi_versions: [3, 4, 5, 6, 7, 8]}}),
    );
    writeFileSync(path.join(this.tfjsNode, 'binding/tfjs_backend.cc'), '// backend');
    writeFileSync(path.join(this.tfjsNode, 'binding/tfjs_binding.cc'), '// binding');
    mkdirSync(this.native);
  }

  setup(options: SetupOptions = {}): Promise<SetupResult> {
    this.commands = [];
    this.lines = [];
    return setup({
      variant: 'cpu',
      cache: this.cache,
      tfjsNode: this.tfjsNode,
      nativeFolder: this.native,
      log: (line) => this.lines.push(line),
      run: this.run,
      ...options,
    });
  }

  run: RunCommand = async (command) => {
    const [program] = command;
    if (command.includes('--version')) return (await this.answer(command)) ?? OK;
    const output = command[command.indexOf('-o') + 1];
    if (command.includes('download')) this.commands.push('pip');
    else if (program === process.execPath) this.commands.push('load');
    else this.commands.push(`g++ ${path.basename(output).replace(/\.partial-\d+$/, '')}`);

    const answer = await this.answer(command);
    if (answer != null) return answer;
    if (command.includes('download')) {
      const dest = command.find((arg) => arg.startsWith('--dest='))!.slice('--dest='.length);
      await this.writeWheel(path.join(dest, 'tensorflow_cpu-0-cp312-cp312-any.whl'));
      return OK;
    }
    if (program === process.execPath) return {...OK, stdout: `TF_Version ${TENSORFLOW_VERSION}\n`};
    writeFileSync(output, `compiled ${command.slice(1).join(' ')}`);
    return OK;
  };

  /** Writes the wheel with a RECORD of its members; `wrong` gets a checksum that it does not have. */
  async writeWheel(file: string, wrong?: string): Promise<void> {
    const zip = new yazl.ZipFile();
    const record = Object.entries(this.members).map(([name, text]) => {
      const digest = createHash('sha256').update(name === wrong ? 'other' : text);
      return `${name},sha256=${digest.digest('base64url')},${text.length}`;
    });
    for (const [name, text] of Object.entries(this.members)) zip.addBuffer(Buffer.from(text), name);
    zip.addBuffer(Buffer.from(record.join('\n')), 'tensorflow_cpu-0.dist-info/RECORD');
    zip.end();
    await pipeline(zip.outputStream, createWriteStream(file));
  }

  read(file: string): string {
    return readFileSync(file, 'utf8');
  }

  delete(): void {
    rmSync(this.folder, {recursive: true, force: true});
  }
}
