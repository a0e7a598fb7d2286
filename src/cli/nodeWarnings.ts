/**
 * Warnings of Node that do not help a user of celeriac: the store's module is in use, a module is ESM, or was taken for
 * CommonJS (an error follows).
 */
const SILENCED_WARNINGS: readonly RegExp[] = [
  /^SQLite is an experimental feature/,
  /^Module type of .* is not specified/,
  /^Failed to load the ES module/,
]

/**
 * Keeps the terminal to what the user asked for: no error when the reader of our output goes away (`… | head -1`), and
 * no warnings about what works as it should.
 */
export function quiet(own: NodeJS.Process): void {
  for (const stream of [own.stdout, own.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // EIO: the terminal was closed.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    })
  }
  // Node's own listener writes them; some of its warnings come past `emitWarning`.
  const listeners = own.listeners('warning')
  own.removeAllListeners('warning')
  own.on('warning', (warning) => {
    if (SILENCED_WARNINGS.some((noise) => noise.test(warning.message))) return
    for (const listener of listeners) listener.call(own, warning)
  })
}
