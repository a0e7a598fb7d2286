import { Socket } from 'node:net'

/** File descriptor, in a child, of a pipe whose other end only the worker has. */
export const LIFELINE = 4

/** Calls `gone` when the worker has ended, however it ended: its end of the pipe is then closed. */
export function watchLifeline(gone: () => void): void {
  const lifeline = new Socket({ fd: LIFELINE })
  // An error closes it, too.
  lifeline.on('error', () => lifeline.destroy())
  lifeline.on('close', gone)
  lifeline.resume()
}
