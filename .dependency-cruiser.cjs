/** Who may import whom. DESIGN: server and agent never import each other, shared imports neither, no cycles. */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'server-not-agent', severity: 'error', from: { path: '^server/' }, to: { path: '^(agent|cli|test|bench)/' } },
    { name: 'agent-not-server', severity: 'error', from: { path: '^agent/' }, to: { path: '^(server|cli|test|bench)/' } },
    { name: 'cli-only-shared', severity: 'error', from: { path: '^cli/' }, to: { path: '^(server|agent|test|bench)/' } },
    { name: 'shared-alone', severity: 'error', from: { path: '^shared/' }, to: { path: '^(server|agent|cli|test|bench)/' } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^(server|agent|cli|shared)/', pathNot: '^shared/gen/|main\\.ts$' }, to: {} },
    { name: 'no-unlisted-packages', severity: 'error', from: {}, to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
