/**
 * A peer in a process of its own, to be killed, frozen and kept busy. Forked by the tests; says
 * where it listens and then does what it is told.
 */
import {libp2pTransport} from '../../../src/pipeline/transport/index.js';
import type {Channel} from '../../../src/pipeline/transport/index.js';
import type {Libp2pTransportArgs} from '../../../src/pipeline/transport/index.js';
import {tensorOf} from './kinds.js';

export type Order =
  | {readonly what: 'start'; readonly args: Libp2pTransportArgs}
  /** Send frames of so many bytes without end. */
  | {readonly what: 'send'; readonly bytes: number}
  /** Take every frame and send its number back. */
  | {readonly what: 'answer'}
  /** Compute for so long without a pause. */
  | {readonly what: 'compute'; readonly ms: number};

export type Report = {readonly addresses: readonly string[]} | {readonly did: 'begin' | 'compute'};

const report = (what: Report) => process.send!(what);

let channel: Promise<Channel>;

async function obey(order: Order): Promise<void> {
  if (order.what === 'start') {
    const transport = await libp2pTransport(order.args);
    channel = new Promise((resolve) => transport.onChannel(resolve));
    report({addresses: transport.addresses});
  } else if (order.what === 'send') {
    for (let seed = 0; ; seed++) {
      await (await channel).send({type: 'gradient', tensors: [tensorOf(order.bytes, seed)]});
    }
  } else if (order.what === 'answer') {
    for await (const frame of await channel) {
      await (await channel).send({type: 'control', step: frame.step});
    }
  } else {
    await new Promise<void>((resolve) => {
      process.send!({did: 'begin'} satisfies Report, () => resolve());
    });
    const end = performance.now() + order.ms;
    while (performance.now() < end);
    report({did: 'compute'});
  }
}

process.on('message', (order: Order) => {
  obey(order).catch((error: Error) => {
    console.error(`peer process: ${error.stack}`);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit());
