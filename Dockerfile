# The image of an application on celeriac: one of examples/, plots unless told (--build-arg EXAMPLE=integral). The same image serves,
# works and beats: the command says which. docs/how-to/deploy.md has the shorter one of an application that installs celeriac.
ARG NODE=24

# The package, as `npm publish` would make it, and beside it the application that installs it.
FROM node:${NODE}-slim AS package
WORKDIR /source
COPY package.json package-lock.json .npmrc ./
RUN npm install --no-save --no-audit --no-fund
COPY . .
RUN npm pack
ARG EXAMPLE=plots
RUN node scripts/application.mjs ${EXAMPLE} application celeriac-*.tgz

# What it needs at run time, and no more. The empty folder is for the embedded store.
FROM node:${NODE}-slim AS application
WORKDIR /app
COPY --from=package /source/application ./
RUN npm install --omit=dev --no-audit --no-fund
RUN mkdir .celeriac

FROM node:${NODE}-slim
ENV NODE_ENV=production
ENV PATH=/app/node_modules/.bin:$PATH
WORKDIR /app
COPY --from=application /app ./
COPY --from=application --chown=node:node /app/.celeriac ./.celeriac
USER node
EXPOSE 5000
# Of the server; a worker or beat has no port: compose.yaml says how they are asked.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["node", "-e", "fetch('http://127.0.0.1:5000/livez').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["celeriac"]
CMD ["serve", "-A", "web.ts", "--host", "0.0.0.0", "--workers", "2"]
