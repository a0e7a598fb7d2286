import { redactUrl, schemeOf } from './url.ts'

/**
 * A URL with a password in it. Printed in any way, as text, JSON or by `console.log`, it is redacted: only `reveal`
 * gives what was given.
 */
export class SecretUrl {
  static {
    const value = function (this: SecretUrl): string {
      return this.toString()
    }
    // Computed names of members cannot be in a declaration.
    Object.defineProperty(SecretUrl.prototype, Symbol.for('nodejs.util.inspect.custom'), { value })
  }

  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** In small letters, as `redis`; undefined where it has none. */
  get scheme(): string | undefined {
    return schemeOf(this.#text)
  }

  /** The whole URL, for the connection alone. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return redactUrl(this.#text)
  }

  toJSON(): string {
    return redactUrl(this.#text)
  }
}
