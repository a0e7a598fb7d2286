#!/usr/bin/env node
import { exitCode, failureText } from './exit.ts'
import { program } from './program.ts'
import { quiet } from './quiet.ts'
import { nodeProblem } from './version.ts'

quiet(process)
const problem = nodeProblem()
if (problem !== undefined) {
  process.stderr.write(`celeriac: ${problem}\n`)
  process.exit(2)
}
const command = program()
try {
  await command.parseAsync()
} catch (error) {
  const text = failureText(error, command.opts().debug === true)
  if (text !== undefined) process.stderr.write(`${text}\n`)
  process.exit(exitCode(error))
}
