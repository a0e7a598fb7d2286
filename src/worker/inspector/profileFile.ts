import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WorkerLostError } from '../../std/errors.ts'
import { uuid } from '../../std/id.ts'
import { STOPPED_CODE, type StopSignal, untilStopped } from '../../std/stopSignal.ts'
import { codeOf } from '../../std/thrown.ts'
import { profileOf } from './profile.ts'
import { ownSession } from './session.ts'

/** Where it is written. */
export interface ProfilePlace {
  readonly worker: { readonly hostname: string }
  /** Default: the temporary folder of the system. */
  readonly profileFolder: string | undefined
}

export interface ProfileParts {
  /** Aborts when the worker stops: then there is no profile. */
  readonly stopping: StopSignal
  /** ms */
  readonly time: number
  /** Takes the profile over so many ms, as JSON text. Default: of this thread. */
  readonly source: ((time: number) => Promise<string>) | undefined
}

/** Longest part of the worker's name in the name of a file, in characters. */
const MAX_NAME_LENGTH = 100

/** How many profiles of one process are kept: who may send commands could fill its disk. */
const MAX_FILES = 20
/** Paths, the oldest first. */
const files: string[] = []

/** Take a profile: JSON text. */
export async function takeProfile({ stopping, time, source }: ProfileParts): Promise<string> {
  const take = source ?? ((ms: number): Promise<string> => profileOf(ownSession(), ms))
  return untilStopped(take(time), stopping).catch((error: unknown) => {
    throw codeOf(error) === STOPPED_CODE ? new WorkerLostError('the worker stops: no profile is taken') : error
  })
}

/** Write it to a new file, for its user alone. Returns the path. */
export async function writeProfile(
  text: string,
  { worker, profileFolder: folder = tmpdir() }: ProfilePlace,
): Promise<string> {
  const name = worker.hostname.replace(/[^\w@.-]/g, '_').slice(0, MAX_NAME_LENGTH)
  const path = join(folder, `${name}-${uuid()}.cpuprofile`)
  await writeFile(path, text, { mode: 0o600, flag: 'wx' })
  files.push(path)
  for (const old of files.splice(0, files.length - MAX_FILES)) await rm(old, { force: true })
  return path
}
