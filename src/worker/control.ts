import type { Stores } from '../app/link.ts'
import type { Consumer } from '../broker/broker.ts'
import { CONTROL_BINDING, controlQueue, type RevokeCommand, readCommand } from '../protocol/control.ts'
import { deserialize, JSON_ONLY } from '../protocol/serializer.ts'
import { uuid } from '../std/id.ts'

/** Listens to remote control, and hands each command it knows to its worker. */
export class Control {
  readonly #hostname: string
  readonly #onRevoke: (command: RevokeCommand) => void
  readonly #onError: (error: unknown) => void
  #consumer: Consumer | undefined
  #loop: Promise<void> = Promise.resolve()

  constructor(
    hostname: string,
    handlers: { revoke: (command: RevokeCommand) => void; error: (error: unknown) => void },
  ) {
    this.#hostname = hostname
    this.#onRevoke = handlers.revoke
    this.#onError = handlers.error
  }

  async start({ broker }: Stores): Promise<void> {
    const queue = { name: controlQueue(this.#hostname, uuid()), bindings: [CONTROL_BINDING], transient: true }
    this.#consumer = await broker.consume([queue], { prefetch: 100, name: this.#hostname })
    this.#loop = this.#listen(this.#consumer)
  }

  async stop(): Promise<void> {
    await this.#consumer?.release()
    await this.#loop
  }

  async #listen(consumer: Consumer): Promise<void> {
    for await (const delivery of consumer) {
      try {
        const { body, properties } = delivery.envelope
        const command = readCommand(
          deserialize(body, properties.contentType, properties.contentEncoding, JSON_ONLY),
          this.#hostname,
        )
        if (command) this.#onRevoke(command)
        await delivery.ack()
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
