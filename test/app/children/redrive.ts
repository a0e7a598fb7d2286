import { Celeriac } from 'celeriac'

/* Sends all dead letters again. Prints `done` at its end. */
const [broker, backend] = process.argv.slice(2)
const app = new Celeriac({ broker: broker as string, backend: backend || undefined })
await app.deadLetters.redrive({ all: true })
process.stdout.write('done\n')
await app.close()
