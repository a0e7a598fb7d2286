import { ConfigError } from '../../../std/errors.ts'
import type { Link } from './link.ts'

const SETTINGS = {
  name: 'durability',
  text: "SELECT current_setting('fsync'), current_setting('synchronous_commit')",
}

/** Rejects with ConfigError for a server, role or database whose commits return before they are on the disk. */
export async function refuseVolatile(link: Link, place: string): Promise<void> {
  const [[row] = []] = await link.run([{ statement: SETTINGS, values: [] }])
  const [fsync, commit] = row ?? []
  if (fsync === 'off' || commit === 'off')
    throw new ConfigError(
      `${place}: durability 'full' needs fsync on, and synchronous_commit anything but off; got fsync ${fsync} and synchronous_commit ${commit}`,
    )
}
