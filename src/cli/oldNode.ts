import { nodeProblem } from '../std/node.ts'

/* Imported before everything else: on an old Node the rest would fail, and say less. */

const problem = nodeProblem(process.versions.node)
if (problem !== undefined) {
  process.stderr.write(`celeriac: ${problem}\n`)
  process.exit(2)
}
