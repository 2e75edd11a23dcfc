import {checkOptions} from '../../ops/check_options.js';
import {checkNumber, refuseValue} from '../../ops/check_values.js';
import {ChannelHub, checkTransportArgs} from './channel_hub.js';
import {InProcessLink} from './in_process_link.js';
import type {LineSettings} from './in_process_link.js';
import type {Channel, Transport, TransportArgs, WaitOptions} from './transport.js';
import {PeerLost, Refused} from './transport_errors.js';

/** Where transports of one process find each other, and where their lines can be disturbed. */
export class InProcessNetwork {
  private readonly hosts = new Map<string, {id: string; hub: ChannelHub}>();
  private links: {a: string; b: string; ends: [InProcessLink, InProcessLink]}[] = [];

  /** @param settings Delay and rate of all lines made from now on. Default: as fast as can be. */
  constructor(private readonly settings: LineSettings = {}) {
    const where = 'InProcessNetwork';
    const example = `new ${where}({delayMs: 10, bytesPerSecond: 1e6})`;
    checkOptions(where, settings, example, ['delayMs', 'bytesPerSecond']);
    const {delayMs = 0, bytesPerSecond = Infinity} = settings;
    checkNumber(where, 'delayMs', delayMs);
    if (!(typeof bytesPerSecond === 'number' && bytesPerSecond > 0)) {
      refuseValue(where, 'bytesPerSecond', bytesPerSecond, 'a number above 0, or none');
    }
  }

  /** Ends all lines between two peers at once and without a goodbye, as a death would. */
  cut(a: string, b: string): void {
    this.between(a, b, ([atA, atB]) => {
      atA.lose();
      atB.lose();
    });
  }

  /** Nothing arrives any more between two peers, and no error comes either. */
  hold(a: string, b: string): void {
    this.between(a, b, (ends) => ends.forEach((end) => end.hold(true)));
  }

  /** What was held arrives. */
  release(a: string, b: string): void {
    this.between(a, b, (ends) => ends.forEach((end) => end.hold(false)));
  }

  /** For transports: makes `hub` answer at `where`. */
  listen(where: string, id: string, hub: ChannelHub): void {
    if (this.hosts.has(where)) {
      throw new Error(`inProcessTransport: somebody listens at '${where}' already.`);
    }
    this.hosts.set(where, {id, hub});
  }

  /** For transports: undoes `listen`. */
  unlisten(where: string): void {
    this.hosts.delete(where);
  }

  /** For transports: this end of a new line to whoever listens at `where`. */
  dial(from: string, where: string, peerId: string): InProcessLink {
    const host = this.hosts.get(where);
    if (host == null) {
      throw new PeerLost(`connect: nobody listens at '${where}'.`);
    }
    if (host.id !== peerId) {
      throw new Refused(`connect: ${host.id} is at '${where}', and not ${peerId}.`);
    }
    const ends = InProcessLink.pair(from, peerId, this.settings);
    this.links = [...this.links.filter((link) => !link.ends[0].over), {a: from, b: peerId, ends}];
    void host.hub.accept(ends[1]);
    return ends[0];
  }

  private between(
    a: string,
    b: string,
    action: (ends: [InProcessLink, InProcessLink]) => void,
  ): void {
    for (const link of this.links) {
      if ((link.a === a && link.b === b) || (link.a === b && link.b === a)) {
        action(link.ends);
      }
    }
  }
}

/** What the in-process transport is made of, beside what all are. */
export interface InProcessTransportArgs extends Omit<TransportArgs, 'identity'> {
  /** Only the PeerId matters: within a process nobody has to prove anything. */
  readonly identity: Pick<TransportArgs['identity'], 'peerId'>;
  readonly network: InProcessNetwork;
}

/**
 * A transport between parts of one process: two queues with the rules of a network. Bytes are
 * copied, so that nobody sees another's memory. Addresses are `/memory/<name>/p2p/<PeerId>`.
 *
 * @throws Error for an address of another form or one that is taken.
 */
export async function inProcessTransport(args: InProcessTransportArgs): Promise<Transport> {
  checkTransportArgs('inProcessTransport', args, ['network']);
  const {network, listen = []} = args;
  if (!(network instanceof InProcessNetwork)) {
    refuseValue('inProcessTransport', 'network', network, 'new InProcessNetwork()');
  }
  const id = args.identity.peerId;
  const hub = new ChannelHub({...args, identity: {peerId: id, privateKey: ''}});
  for (const where of listen) {
    if (!/^\/memory\/[^/]+$/.test(where)) {
      throw new Error(`inProcessTransport: listen is '${where}'; expected '/memory/<name>'.`);
    }
    network.listen(where, id, hub);
  }
  return {
    id,
    addresses: listen.map((where) => `${where}/p2p/${id}`),
    async connect(address: string, options: WaitOptions = {}): Promise<Channel> {
      const {where, peerId} = hub.checkAddress(address);
      options.signal?.throwIfAborted();
      return hub.open(network.dial(id, where, peerId), options);
    },
    onChannel: (callback) => hub.onChannel(callback),
    async close() {
      listen.forEach((where) => network.unlisten(where));
      await hub.close();
    },
  };
}
