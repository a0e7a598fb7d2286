/** An argument of a command: text, a number, or bytes as they are. */
export type Arg = string | number | Uint8Array

/** One command: its name, then its arguments. */
export type Command = readonly [name: string, ...args: Arg[]]

/** A Lua script and how many of its arguments are keys. */
export interface Script {
  readonly name: string
  readonly source: string
}

/**
 * One connection to Redis, supervised: it reconnects by itself, notices when the server does not answer any more, and
 * reports the problem. Every method rejects with StoreUnavailableError when the connection is lost before the answer,
 * or no answer comes in time; the command may then have been executed or not.
 */
export interface RedisConnection {
  /** For people: no password in it. */
  readonly url: string
  /** Number of the database. */
  readonly db: number
  /** Why it does not work now; undefined while it does. */
  readonly problem: Error | undefined
  /**
   * One command, one answer (text, number, null or a list of them). Those of one turn of the event loop are sent
   * together.
   */
  command(...command: Command): Promise<unknown>
  /** As `command`, with bytes instead of text in the answer. */
  commandBytes(...command: Command): Promise<unknown>
  /** Many commands in one round trip; rejects with the first error among them. */
  pipeline(commands: readonly Command[]): Promise<unknown[]>
  /** Run a script by its hash; its text is sent only when the server does not know it (also after SCRIPT FLUSH). */
  script(script: Script, keys: readonly string[], args: readonly Arg[]): Promise<unknown>
  /**
   * As `command`, for a command that blocks for up to `timeout` ms on a connection of its own (`duplicate`): waits that
   * much longer for the answer.
   */
  blocking(timeout: number, ...command: Command): Promise<unknown>
  /**
   * Receive what is published to a channel, as bytes. Kept over reconnects. The returned function ends it. Uses a
   * second connection, shared by all subscriptions of this one.
   */
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<() => Promise<void>>
  /** The same for many channels, with few commands. The returned function ends it for some of them. */
  subscribeAll(
    channels: readonly string[],
    listener: (message: Buffer, channel: string) => void,
  ): Promise<(channels: readonly string[]) => Promise<void>>
  /** The same for a pattern (PSUBSCRIBE). */
  subscribePattern(pattern: string, listener: (message: Buffer, channel: string) => void): Promise<() => Promise<void>>
  /**
   * Called after each reconnection of the command or the subscription connection: messages published meanwhile are
   * lost.
   */
  onReconnect(listener: () => void): () => void
  /** One more connection to the same server, independent of this one. */
  duplicate(): RedisConnection
  close(): Promise<void>
}
