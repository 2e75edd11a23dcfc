import type {JsonValue} from '../wire/frame.js';
import {Liveness} from './liveness.js';
import {Timeout} from './transport_errors.js';

/** How often an end says that it is alive, and after how long a silence it gives the other up. */
export interface HeartbeatTimes {
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
}

/** What a heartbeat needs of its channel. */
export interface HeartbeatChannel {
  readonly peerId: string;
  /** False while much waits to be sent: its bytes tell the peer that we are alive. */
  quiet(): boolean;
  say(message: JsonValue): void;
  /** Nothing was heard for too long. */
  onDead(error: Timeout): void;
}

/** Says that this end is alive, answers the peer's beats, and measures how long there and back takes. */
export class Heartbeat {
  private readonly liveness: Liveness;

  /** @param rttMs Last measured time there and back, in milliseconds, if there is one. */
  constructor(
    private readonly channel: HeartbeatChannel,
    {heartbeatIntervalMs, heartbeatTimeoutMs}: HeartbeatTimes,
    public rttMs?: number,
  ) {
    const beat = () => channel.quiet() && channel.say({ping: performance.now()});
    this.liveness = new Liveness(heartbeatIntervalMs, heartbeatTimeoutMs, beat, () =>
      channel.onDead(
        new Timeout(
          `not a byte came from ${channel.peerId} for ${heartbeatTimeoutMs} ms ` +
            '(heartbeat.timeoutMs): it hangs, computes for longer, or the line is dead.',
        ),
      ),
    );
  }

  /** Something was heard of the peer. */
  heard(): void {
    this.liveness.heard();
  }

  /** A beat of the peer, or its answer to one of ours. */
  receive(message: JsonValue | undefined): void {
    const {ping, pong} = (message ?? {}) as {ping?: unknown; pong?: unknown};
    if (typeof ping === 'number') {
      this.channel.say({pong: ping});
    } else if (typeof pong === 'number') {
      this.rttMs = performance.now() - pong;
    }
  }

  stop(): void {
    this.liveness.stop();
  }
}
