import { Socket } from 'node:net'

/** File descriptor, in a child, of a pipe whose other end only the worker has. */
export const LIFELINE = 4

/**
 * Calls `gone` when the worker has ended, however it ended: its end of the pipe is then closed. `read`: what the worker
 * writes, and the pipe.
 */
export function watchLifeline(gone: () => void, read: (text: string, lifeline: Socket) => void): void {
  const lifeline = new Socket({ fd: LIFELINE })
  // An error closes it, too.
  lifeline.on('error', () => lifeline.destroy())
  lifeline.on('close', gone)
  lifeline.setEncoding('utf8').on('data', (text: string) => read(text, lifeline))
}
