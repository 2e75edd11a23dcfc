/** Running other programs. The only way in which `setup` reaches outside, so that tests can stand in for it. */
import {spawn} from 'node:child_process';

/** What a program gave back. */
export interface CommandResult {
  /** Exit code; null if the program could not be started or was killed by a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs `command[0]` with the rest as arguments, killed after `timeout` milliseconds if that is given. Never throws for an
 * exit code.
 */
export type RunCommand = (
  command: string[],
  options?: {cwd?: string; env?: Record<string, string>; timeout?: number},
) => Promise<CommandResult>;

export const runCommand: RunCommand = ([file, ...args], {cwd, env, timeout} = {}) =>
  new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd,
      timeout,
      env: {...process.env, ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (error) => resolve({code: null, stdout, stderr: stderr + error.message}));
    child.on('close', (code) => resolve({code, stdout, stderr}));
  });

/** The line of a program's output that says what went wrong: the last one with "error", else the last one. */
export function errorLine(result: CommandResult): string {
  const lines = `${result.stdout}\n${result.stderr}`
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const telling = lines.filter((line) => /error|not found|no such/i.test(line));
  return telling.at(-1) ?? lines.at(-1) ?? `exit code ${result.code}`;
}
