import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder for one test, and how to be rid of it. */
export class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'celeriac-test-'))

  /** A `sqlite:` URL in it. */
  url(name = 'store.db'): string {
    return `sqlite:${this.file(name)}`
  }

  file(name = 'store.db'): string {
    return join(this.path, name)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
