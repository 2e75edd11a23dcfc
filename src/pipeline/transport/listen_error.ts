/** Why addresses cannot be listened at, in words that say what to do. */
import {ListenFailed} from './transport_errors.js';

const EXAMPLE = "'/ip4/127.0.0.1/tcp/0' (this machine) or '/ip4/0.0.0.0/tcp/4001' (all networks)";

/** What systems and libp2p say, and what it means here. */
const REASONS: ReadonlyArray<[said: RegExp, meaning: string]> = [
  [
    /EADDRNOTAVAIL/,
    'it is no address of this machine; take one of its own, or 0.0.0.0 for all that it has',
  ],
  [
    /EADDRINUSE/,
    'its port is taken, by another program or another stage; take another, or 0 for one that is free',
  ],
  [/EACCES|EPERM/, 'this user may not have its port; take one from 1024 up, or 0'],
  [/ENOTFOUND|EAI_AGAIN/, 'its name is not known here; give the address as a number'],
  [
    /EAFNOSUPPORT|EINVAL/,
    'this machine has no addresses of its kind; take one of its own, or 0.0.0.0 for all that it has',
  ],
  [
    /No transport was configured/,
    `it is none of TCP or WebSockets; expected for instance ${EXAMPLE}`,
  ],
];

/**
 * Checks that addresses are multiaddrs, before anything listens.
 *
 * @throws ListenFailed naming the first that is none.
 */
export async function checkListen(listen: readonly string[]): Promise<void> {
  const {multiaddr} = await import('@multiformats/multiaddr');
  for (const address of listen) {
    try {
      multiaddr(address);
    } catch (error) {
      throw new ListenFailed(
        `listen: cannot listen at '${address}': it is no multiaddr (${(error as Error).message}); ` +
          `expected for instance ${EXAMPLE}.`,
        {cause: error},
      );
    }
  }
}

/** What libp2p threw when it was to listen, as an error with a line for each address that failed. */
export function listenError(error: unknown, listen: readonly string[]): ListenFailed {
  const {message} = error as Error;
  // libp2p puts the stacks of all failures in one message; those of an address follow a line that begins with it.
  const said = message.split('\n').flatMap((line) => {
    const [, address, why] = /^\s+(\/\S+): (.*)$/.exec(line) ?? [];
    return listen.includes(address) ? [{address, why}] : [];
  });
  const failures = said.length > 0 ? said : [{address: listen.join(', '), why: message}];
  const lines = failures.map(({address, why}) => {
    const meaning = REASONS.find(([pattern]) => pattern.test(why))?.[1];
    return `listen: cannot listen at '${address}': ${meaning == null ? why : `${meaning} (${why})`}.`;
  });
  return new ListenFailed(lines.join('\n'), {cause: error});
}
