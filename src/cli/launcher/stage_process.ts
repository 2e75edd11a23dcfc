import type {Channel, Transport} from '../../pipeline/transport/transport.js';
import {libp2pTransport} from '../../pipeline/transport/libp2p_transport.js';
import {ListenFailed, PeerLost} from '../../pipeline/transport/transport_errors.js';
import {keepStage} from '../../pipeline/stage.js';
import {StageTrainer} from '../../pipeline/trainer.js';
import {bringUpBackend} from '../training/open_model.js';
import type {FromStage, StageSetup, ToStage} from './messages.js';
import {splitRun, stageOptimizer} from './split_run.js';
import {StageWorker, trainerSettings} from './stage_worker.js';

/** Whether an error only says that a neighbour went away. */
function isLostPeer(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    // A neighbour of a neighbour is only told so, in words.
    if (cause instanceof PeerLost || /stage \d+ was lost/.test(cause.message)) return true;
  }
  return false;
}

/**
 * A stage process: takes orders from the launcher over Node's IPC channel, tensors from its neighbours over
 * libp2p. It ends when the channel to the launcher closes, whatever the reason: no stage outlives its run.
 */
export class StageProcess {
  private setup: StageSetup | null = null;
  private transport: Transport | null = null;
  private previous: Promise<Channel> | null = null;
  private worker: StageWorker | null = null;

  /**
   * Serves until told to close.
   *
   * @throws Error when this is not a child with an IPC channel.
   */
  static serve(): void {
    if (!process.send) {
      throw new Error("'stage' is started by 'tfjs-mapl train'; it is of no use by itself.");
    }
    const stage = new StageProcess();
    process.on('disconnect', () => process.exit(1));
    // Ctrl-C reaches the whole process group; the launcher decides what becomes of the stages.
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => process.exit(1));
    const failed = (error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      if (error instanceof Error) console.error(error.stack);
      stage.send({type: 'failed', message: text, lostPeer: isLostPeer(error)});
    };
    process.on('uncaughtException', failed);
    process.on('unhandledRejection', failed);
    process.on('message', (message) => {
      stage.receive(message as ToStage).catch(failed);
    });
  }

  private send(message: FromStage): void {
    if (process.connected) process.send?.(message);
  }

  private async receive(message: ToStage): Promise<void> {
    switch (message.type) {
      case 'setup':
        return this.listen(message.setup);
      case 'connect':
        return this.connect(message.next);
      case 'command': {
        if (!this.worker) throw new Error('a command came before the stage was connected');
        const tell = (share: number) => this.send({type: 'progress', share});
        const result = await this.worker.run(message.command, tell);
        return this.send({type: 'done', id: message.id, result});
      }
      case 'close':
        await this.worker?.close();
        await this.transport?.close();
        process.exit(0);
    }
  }

  private async listen(setup: StageSetup): Promise<void> {
    const {index, identity, allow, configHash, config} = setup;
    this.setup = setup;
    const transport = await libp2pTransport({
      identity,
      allow,
      listen: config.network.listen,
      configHash,
      info: {stage: index},
      heartbeat: {timeoutMs: config.network.stallTimeout * 1000},
    }).catch((error: unknown) => {
      if (!(error instanceof ListenFailed)) throw error;
      // By the name that it has for the user: each line is of one address.
      throw new Error(error.message.replaceAll(/^listen:/gm, '--listen:'), {cause: error});
    });
    this.transport = transport;
    this.previous = new Promise((resolve) => {
      transport.onChannel((channel) => {
        const {stage} = (channel.peer.info ?? {}) as {stage?: number};
        if (stage === index - 1) resolve(channel);
        else void channel.close();
      });
    });
    this.send({type: 'listening', addresses: [...transport.addresses]});
  }

  private async connect(address: string | null): Promise<void> {
    const setup = this.setup as StageSetup;
    const {index, config, backend} = setup;
    const {startTimeout} = config.network;
    const next = address
      ? await (this.transport as Transport).connect(address, {timeoutMs: startTimeout * 1000})
      : undefined;
    const previous = index > 0 ? await (this.previous as Promise<Channel>) : undefined;
    // Only now: a backend that loads and a model that is built answer nobody's handshake.
    await bringUpBackend(backend);
    const {stages, format} = await splitRun(setup);
    const trainer = new StageTrainer({
      ...trainerSettings(setup),
      stage: keepStage(stages, index),
      optimizer: stageOptimizer(setup),
      previous,
      next,
    });
    this.worker = await StageWorker.create(setup, trainer, format);
    this.send({type: 'ready', ready: this.worker.ready});
  }
}
