import type { Command } from 'commander'
import { bashScript } from './bash.ts'
import { type CommandWords, commandTree } from './commandTree.ts'
import { fishScript } from './fish.ts'
import { zshScript } from './zsh.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

const SCRIPTS: Readonly<Record<Shell, (commands: readonly CommandWords[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
}

/** `celeriac completion`: a script by which a shell completes the command line of this version. */
export function completion(root: Command, shell: Shell): void {
  process.stdout.write(SCRIPTS[shell](commandTree(root)))
}
