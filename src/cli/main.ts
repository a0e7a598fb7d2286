#!/usr/bin/env node
import './oldNode.ts'
import { exitCode, failureText } from './exit.ts'
import { program } from './program.ts'
import { quiet } from './quiet.ts'

quiet(process)
const command = program()
try {
  await command.parseAsync()
} catch (error) {
  const text = failureText(error, command.opts().debug === true)
  if (text !== undefined) process.stderr.write(`${text}\n`)
  process.exit(exitCode(error))
}
