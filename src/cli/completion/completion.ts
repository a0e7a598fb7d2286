import type { Command } from 'commander'
import { bashScript } from './bash.ts'
import { commandTree } from './commandTree.ts'
import { fishScript } from './fish.ts'
import { zshScript } from './zsh.ts'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

/** `celeriac completion`: a script by which a shell completes the command line of this version. */
export function completion(root: Command, shell: keyof typeof SCRIPTS): void {
  process.stdout.write(SCRIPTS[shell](commandTree(root)))
}
