import { CeleriacError, UnknownJobError } from '../../std/errors.ts'
import { jsonText } from '../json.ts'
import { type AppOptions, withApp } from '../loadApp.ts'
import { mermaidOf } from '../mermaid.ts'

export interface GraphCommandOptions extends AppOptions {
  json?: boolean
}

/** `celeriac graph`: the tree of a workflow, as a flowchart of Mermaid or as JSON. */
export async function graph(id: string, options: GraphCommandOptions): Promise<void> {
  const tree = await withApp(options, async (app) => {
    const found = await app.workflow(id)
    if (found) return found
    const { backend, hint } = await app.connect()
    throw new CeleriacError('COMMAND_FAILED', `${new UnknownJobError(id, hint).message} (${backend})`)
  })
  process.stdout.write(options.json ? `${jsonText(tree)}\n` : mermaidOf(tree))
}
