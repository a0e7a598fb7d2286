import type { ReadStream, WriteStream } from 'node:tty'
import { type Key, keysIn } from './keys.ts'
import type { Line, Size } from './screen.ts'
import { columnsOf } from './width.ts'

/** Another screen than that of the shell, no cursor, and no line that goes on in the next one. */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const CLEAR = '\u001b[H\u001b[2J'
const CLEAR_REST = '\u001b[K'
const RESET = '\u001b[0m'
const STYLES: Readonly<Record<NonNullable<Line['style']>, string>> = {
  title: '\u001b[1m',
  selected: '\u001b[7m',
  warning: '\u001b[33m',
}

const FALLBACK_SIZE: Size = { columns: 80, rows: 24 }

/**
 * The terminal of this process, taken for whole screens until `close`, or the end of the process. Then it is as it was:
 * also after an exception.
 */
export class Terminal {
  readonly #input: ReadStream
  readonly #output: WriteStream
  readonly #isStyled: boolean
  readonly #onEnd = (): void => this.close()
  #shown: readonly string[] = []
  #isOpen = false
  #listeners: (() => void) | undefined

  constructor(input: ReadStream, output: WriteStream, isStyled: boolean) {
    this.#input = input
    this.#output = output
    this.#isStyled = isStyled
  }

  get size(): Size {
    // A terminal that does not know its size has 0 columns.
    return {
      columns: this.#output.columns || FALLBACK_SIZE.columns,
      rows: this.#output.rows || FALLBACK_SIZE.rows,
    }
  }

  /** `onKeys`: keys that came at once; `onResize`: draw again; `onHangUp`: no more keys come. */
  open(onKeys: (keys: readonly Key[]) => void, onResize: () => void, onHangUp: () => void): void {
    this.#isOpen = true
    process.on('exit', this.#onEnd)
    const onData = (data: Buffer | string): void => onKeys(keysIn(String(data)))
    const onSize = (): void => {
      this.#shown = []
      onResize()
    }
    this.#listeners = () => {
      this.#input.removeListener('data', onData)
      this.#input.removeListener('end', onHangUp)
      this.#output.removeListener('resize', onSize)
      process.removeListener('SIGCONT', onContinued)
    }
    // After a stop from outside the shell has written to the screen.
    const onContinued = (): void => {
      this.#take()
      onSize()
    }
    process.on('SIGCONT', onContinued)
    this.#input.on('data', onData)
    this.#input.on('end', onHangUp)
    // Of a terminal that was closed; not removed, as `close` meets it too.
    this.#input.on('error', onHangUp)
    this.#output.on('resize', onSize)
    this.#take()
  }

  #take(): void {
    this.#input.setRawMode(true)
    this.#input.resume()
    this.#output.write(ENTER + CLEAR)
  }

  /** Show these lines, in one write, of which those that are shown already are no part. */
  draw(lines: readonly Line[]): void {
    if (!this.#isOpen) return
    const { columns } = this.size
    const shown = lines.map((line) => this.#styled(line))
    const changes = shown.flatMap((text, at) => {
      if (text === this.#shown[at]) return []
      // In the last column the cursor is still on the last character.
      const rest = columnsOf(lines[at]?.text ?? '') < columns ? CLEAR_REST : ''
      return [`\u001b[${at + 1};1H${text}${rest}`]
    })
    const start = this.#shown.length === 0 ? CLEAR : ''
    this.#shown = shown
    if (changes.length > 0) this.#output.write(start + changes.join(''))
  }

  #styled({ text, style }: Line): string {
    return this.#isStyled && style !== undefined ? `${STYLES[style]}${text}${RESET}` : text
  }

  /** Leave it as it was before. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#listeners?.()
    process.removeListener('exit', this.#onEnd)
    this.#output.write(LEAVE)
    this.#input.setRawMode(false)
    this.#input.pause()
  }
}
