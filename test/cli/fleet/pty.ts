import { Running, wordsOf } from '../harness.ts'

/** A terminal of 80x24 around a command; SIGUSR1 makes it one of 40x10. */
const TERMINAL = `
import fcntl, os, pty, select, signal, struct, sys, termios
def resize(fd, rows, columns): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    resize(0, 24, 80)
    os.execvp(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGUSR1, lambda *_: resize(fd, 10, 40))
while True:
    for ready in select.select([0, fd], [], [])[0]:
        try: data = os.read(ready, 65536)
        except OSError: data = b''
        if ready == 0: os.write(fd, data)
        elif data: os.write(1, data)
        else: sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

/** Words as a command for a shell. */
export function shellText(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
}

/** A command at a terminal of its own. */
export function startWords(cwd: string, words: readonly string[], env?: Readonly<Record<string, string>>): Running {
  return new Running('/usr/bin/python3', ['-c', TERMINAL, ...words], cwd, env)
}

/**
 * `celeriac ...args` at a terminal, within a shell that afterwards writes its exit code, and whether the terminal shows
 * what is typed and gives it line by line.
 */
export function startInTerminal(cwd: string, args: readonly string[], env?: Readonly<Record<string, string>>): Running {
  const after = `echo "code $?"; stty -a | tr ' ' '\\n' | grep -E '^-?(icanon|echo|isig);?$' | tr '\\n' ' '`
  const shell = `trap : INT TERM QUIT; ${shellText(wordsOf(args))}; ${after}`
  return startWords(cwd, ['/bin/sh', '-c', shell], { TERM: 'xterm-256color', NO_COLOR: '', ...env })
}

/** What a terminal shows after this output: its lines. Knows what celeriac writes alone. */
export function shown(output: string): string[] {
  const lines: string[] = []
  let row = 0
  let column = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal obeys.
  for (const [part, place] of output.matchAll(/\u001b\[(?:(\d+);1H|[?0-9;]*[A-Za-z])|[^\u001b]+/g)) {
    if (place !== undefined) [row, column] = [Number(place) - 1, 0]
    else if (part === '\u001b[2J' || part === '\u001b[?1049l') lines.length = 0
    else if (part === '\u001b[H') [row, column] = [0, 0]
    else if (part === '\u001b[K') lines[row] = (lines[row] ?? '').slice(0, column)
    else if (!part.startsWith('\u001b')) {
      const line = (lines[row] ?? '').padEnd(column)
      lines[row] = line.slice(0, column) + part + line.slice(column + part.length)
      column += part.length
    }
  }
  return Array.from(lines, (line) => line ?? '')
}
