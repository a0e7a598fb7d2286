import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigError } from './errors.ts'

/**
 * URL of a file of this package, for what is not imported: the code of a thread, a page. `from`: the caller's
 * `import.meta.url`. `own`: the caller's path below src/, without extension; `path`: that of the file. A path without
 * extension is that of code: .ts in the sources, .js in the package. Throws ConfigError where the file is not there, as
 * in a bundle, which has the caller's code and no other file.
 */
export function packageFile(from: string | undefined, own: string, path: string): URL {
  // Some bundlers leave import.meta empty.
  const at = URL.canParse(from ?? '') ? new URL(from as string) : undefined
  const extension = at?.pathname.endsWith('.ts') ? '.ts' : '.js'
  const name = extname(path) === '' ? `${path}${extension}` : path
  // A bundle may lie beside a file of the same name that is the application's.
  if (at?.protocol === 'file:' && at.pathname.endsWith(`/${own}${extension}`)) {
    const file = new URL(`${'../'.repeat(own.split('/').length - 1)}${name}`, at)
    if (existsSync(file)) return file
  }
  const place = at?.protocol === 'file:' ? fileURLToPath(at) : 'a bundle'
  throw new ConfigError(
    `expected celeriac's file ${name} beside its code, got none: the code runs from ${place}; ` +
      "keep celeriac out of the bundle (esbuild: external: ['celeriac']) and install it where the program runs",
  )
}
