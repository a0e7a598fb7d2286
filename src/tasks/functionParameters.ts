/** What the source text of a function says of its parameters. */
export interface FunctionParameters {
  readonly names: readonly string[]
  /** The last of them takes all further arguments; its name is not among `names`. */
  readonly rest: boolean
}

/** A parameter list longer than this is not read, characters. */
const MAX_LIST_LENGTH = 4096

/*
 * Sticky, each for one token, and none can match the same text in two ways: reading takes time in proportion to the
 * text.
 */
const SPACE = /(?:[\s\uFEFF]|\/\/[^\n\r\u2028\u2029]*|\/\*(?:[^*]|\*(?!\/))*\*\/)*/y
const NAME = /#?[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*/uy
const DEFAULT = /-?\d[\w.]*|'[^'\\\n\r]*'|"[^"\\\n\r]*"|`[^`\\$]*`|true\b|false\b|null\b|undefined\b|\[\s*\]|\{\s*\}/y

/**
 * The names of a function's parameters, read from its source text; undefined where that is not certain: destructuring,
 * defaults other than plain literals, functions of the engine, bound functions, and functions without parameters that
 * look at `arguments`. A bundler that renames identifiers renames these, too.
 */
export function functionParameters(run: (...args: never[]) => unknown): FunctionParameters | undefined {
  const text = Function.prototype.toString.call(run)
  const reader = new Reader(text.slice(0, MAX_LIST_LENGTH))
  const found = reader.head() ? reader.parameters() : reader.bare()
  if (!found || new Set(found.names).size !== found.names.length) return undefined
  return found.names.length === 0 && !found.rest && /\barguments\b/.test(text) ? undefined : found
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Moves behind the parenthesis that opens the parameters. False, without moving, where there is none. */
  head(): boolean {
    this.#skip()
    if (this.#match(/class(?![\p{ID_Continue}$])/uy) !== undefined) return false
    const start = this.#at
    // At most `async function * name`, or a method's `async * name`.
    for (let word = 0; word < 5; word++) {
      if (this.#take('(')) return true
      if (!this.#take('*') && this.#name() === undefined) break
    }
    this.#at = start
    return false
  }

  /** The list behind the parenthesis, and what must follow it. */
  parameters(): FunctionParameters | undefined {
    const names: string[] = []
    let rest = false
    while (!this.#take(')')) {
      rest = this.#take('...')
      const name = this.#name()
      if (name === undefined) return undefined
      if (!rest) names.push(name)
      if (this.#take('=') && this.#match(DEFAULT) === undefined) return undefined
      if (this.#take(',')) continue
      if (!this.#take(')')) return undefined
      break
    }
    return this.#take('=>') || (this.#take('{') && !this.#match(/\[native code\]/y)) ? { names, rest } : undefined
  }

  /** `name => …`, `async name => …` */
  bare(): FunctionParameters | undefined {
    this.#skip()
    const first = this.#name()
    const second = first === 'async' ? this.#name() : undefined
    const name = second ?? first
    return name !== undefined && this.#take('=>') ? { names: [name], rest: false } : undefined
  }

  #name(): string | undefined {
    return this.#match(NAME)
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false
    this.#at += token.length
    this.#skip()
    return true
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) return undefined
    this.#at += found.length
    this.#skip()
    return found
  }

  #skip(): void {
    SPACE.lastIndex = this.#at
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0
  }
}
