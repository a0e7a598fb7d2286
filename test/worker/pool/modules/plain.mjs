import { App } from '../../../../src/app/app.ts'

const main = new App({ name: 'main' })

// biome-ignore lint/style/noDefaultExport: what this module is for.
export default main
