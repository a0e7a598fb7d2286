import { connect } from 'node:net'

/** The server closed the connection instead. */
class HungUp extends Error {}

/**
 * What a server answers to a command, after these that come before it on the same connection, as redis-cli prints it.
 * The server has closed the connection then: what it had done before its answer, as ending other connections, is known.
 */
export async function answerTo(port: number, command: readonly string[], before: readonly string[][]): Promise<string> {
  try {
    return await ask(port, [...before, command])
  } catch (error) {
    if (!(error instanceof HungUp)) throw error
    // As redis-cli does, once: a server that becomes a master ends the connections that it has.
    return ask(port, [...before, command])
  }
}

function ask(port: number, commands: readonly (readonly string[])[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.concat(commands.map(encode))))
  let bytes: Buffer = Buffer.alloc(0)
  let texts: string[] | undefined
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    try {
      texts = textsOf(bytes, commands.length)
    } catch (error) {
      reject(error)
      socket.destroy()
    }
    if (texts !== undefined) socket.end()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (texts === undefined && error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
  })
  socket.on('close', () => {
    if (texts === undefined) reject(new HungUp(`redis: hung up before it answered ${commands.at(-1)?.join(' ')}`))
    else resolve(texts.at(-1) as string)
  })
  return promise
}

function encode(words: readonly string[]): Buffer {
  return Buffer.from(
    `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`,
  )
}

/** Undefined while some of the answers have not come. Throws the first that is an error. */
function textsOf(bytes: Buffer, count: number): string[] | undefined {
  const texts: string[] = []
  for (let at = 0; texts.length < count; ) {
    const read = readAnswer(bytes, at)
    if (read === undefined) return undefined
    texts.push(read.text)
    at = read.end
  }
  return texts
}

/** One answer of the protocol RESP2: of an array, each element on a line of its own. */
function readAnswer(bytes: Buffer, start: number): { readonly text: string; readonly end: number } | undefined {
  const end = bytes.indexOf('\r\n', start)
  if (end === -1) return undefined
  const [kind, line] = [String.fromCharCode(bytes[start] as number), bytes.toString('utf8', start + 1, end)]
  const next = end + 2
  if (kind === '-') throw new Error(line)
  if (kind === '$') {
    const length = Number(line)
    if (length === -1) return { text: '', end: next }
    if (bytes.length < next + length + 2) return undefined
    return { text: bytes.toString('utf8', next, next + length), end: next + length + 2 }
  }
  return kind === '*' ? readElements(bytes, Number(line), next) : { text: line, end: next }
}

function readElements(bytes: Buffer, count: number, start: number): ReturnType<typeof readAnswer> {
  const lines: string[] = []
  let at = start
  while (lines.length < count) {
    const read = readAnswer(bytes, at)
    if (read === undefined) return undefined
    lines.push(read.text)
    at = read.end
  }
  return { text: lines.join('\n'), end: at }
}
