import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../../', import.meta.url)

/** A command of a document, as words, and the comment behind it. */
export interface Command {
  readonly words: readonly string[]
  readonly comment: string | undefined
}

/** What a page of the documentation tells its reader to write and to run. */
export class Document {
  readonly #blocks: readonly { language: string; text: string }[]
  readonly #commands: string[]

  constructor(path: string) {
    const text = readFileSync(fileURLToPath(new URL(path, root)), 'utf8')
    this.#blocks = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', block = '']) => ({
      language,
      text: block,
    }))
    this.#commands = this.code('sh').flatMap((block) => block.split('\n').filter((line) => line.trim() !== ''))
  }

  /** The code blocks of a language, in their order. */
  code(language: string): string[] {
    return this.#blocks.filter((block) => block.language === language).map((block) => block.text)
  }

  /** The next command that begins so; it counts as taken. */
  take(start: string): Command {
    const at = this.#commands.findIndex((line) => line.startsWith(start))
    const [line] = at < 0 ? [] : this.#commands.splice(at, 1)
    if (line === undefined) throw new Error(`expected a command that begins with ${start}, got none`)
    const [, command = '', comment] = /^(.*?)(?:\s+# (.*))?$/.exec(line) ?? []
    return { words: wordsOf(command), comment }
  }

  /** Commands that nobody has taken. */
  get rest(): readonly string[] {
    return this.#commands
  }
}

/** As a shell splits a line that has no more than spaces and single quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|[^\s']+/g)].map(([word, quoted]) => quoted ?? word)
}

/** What curl would do: a request to the same path at `base`. Knows `-i`, `-N`, `-o`, `-X`, `-H` and `-d`, and refuses the rest. */
export function curl(
  { words }: Command,
  base: string,
  replace: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const headers: [string, string][] = []
  let body: string | undefined
  let method: string | undefined
  let url: URL | undefined
  const rest = words.slice(1)
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '-H') headers.push(rest.shift()?.split(/:\s*/, 2) as [string, string])
    else if (word === '-d') body = rest.shift()
    else if (word === '-X') method = rest.shift()
    else if (word === '-o') rest.shift()
    else if (/^http:/.test(word)) url = new URL(word.replace(/<\w+>/g, (name) => replace[name] ?? name))
    else if (word !== '-i' && word !== '-N') throw new Error(`expected a flag of curl that is known here, got ${word}`)
  }
  if (url?.host !== '127.0.0.1:5000') throw new Error(`expected a URL at the default address, got ${url}`)
  method ??= body === undefined ? 'GET' : 'POST'
  return fetch(base + url.pathname + url.search, { method, headers, body })
}
