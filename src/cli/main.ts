#!/usr/bin/env node
import './oldNode.ts'
import { exitCode, failureText } from './exit.ts'
import { quiet } from './nodeWarnings.ts'
import { commandFirst } from './order.ts'
import { program } from './program.ts'

quiet(process)
// `dev` passes its own command line on.
process.argv = [...process.argv.slice(0, 2), ...commandFirst(process.argv.slice(2))]
const command = program()
try {
  await command.parseAsync()
} catch (error) {
  const text = failureText(error, command.opts().debug === true)
  if (text !== undefined) process.stderr.write(`${text}\n`)
  process.exit(exitCode(error))
}
