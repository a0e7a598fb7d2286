import type { Channel, ChannelModel } from 'amqplib'

/** A sign of life is asked for this often, and must come within this, ms. */
export interface ProbePace {
  readonly every: number
  readonly limit: number
}

const DEFAULT_PACE: ProbePace = { every: 5000, limit: 3000 }

/**
 * Asks a connection for a sign of life: one that is open and carries nothing (a cable pulled, a firewall that forgot) is found out in
 * seconds. Heartbeats do it too, but their pace also tells the server when to give us up, and that must be slow.
 */
export class LivenessProbe {
  readonly #model: ChannelModel
  readonly #excused: () => boolean
  readonly #dead: () => void
  readonly #limit: number
  readonly #timer: NodeJS.Timeout
  #channel: Promise<Channel> | undefined
  #asking = false
  #stopped = false

  /** `excused`: a blocked connection answers nothing, and is not dead. */
  constructor(
    model: ChannelModel,
    excused: () => boolean,
    dead: () => void,
    { every, limit }: ProbePace = DEFAULT_PACE,
  ) {
    this.#model = model
    this.#excused = excused
    this.#dead = dead
    this.#limit = limit
    this.#timer = setInterval(() => this.#ask(), every)
    this.#timer.unref()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
  }

  #ask(): void {
    if (this.#asking || this.#excused()) return
    this.#asking = true
    const limit = setTimeout(() => {
      // After a blocked turn the answer may have come, and not been read yet.
      setTimeout(() => {
        if (this.#asking && !this.#stopped && !this.#excused()) this.#dead()
      }, 100)
    }, this.#limit)
    limit.unref()
    this.#channel ??= this.#open()
    this.#channel
      .then((channel) => channel.prefetch(1))
      .then(
        () => {
          this.#asking = false
          clearTimeout(limit)
        },
        // The connection has ended: nobody need be told by us.
        () => clearTimeout(limit),
      )
  }

  async #open(): Promise<Channel> {
    const channel = await this.#model.createChannel()
    channel.on('error', () => undefined)
    return channel
  }
}
