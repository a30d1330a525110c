import { defineConfig } from 'vitest/config';

// One project after the other (groupOrder), the quick ones first: two at once would hold up each other's servers.

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['test/**/*.test.ts'],
          exclude: ['e2e', 'update', 'registry', 'templates', 'interop', 'relay', 'slow'].map(
            (name) => `test/${name}/**`,
          ),
        },
      },
      {
        // The generated servers, run as their users run them.
        test: {
          name: 'templates',
          sequence: { groupOrder: 2 },
          include: ['test/templates/**/*.test.ts'],
          exclude: ['test/templates/attacks/**'],
          globalSetup: ['test/templates/support/projects.ts'],
          testTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        // The generated servers under attack.
        test: {
          name: 'attacks',
          sequence: { groupOrder: 5 },
          include: ['test/templates/attacks/**/*.test.ts'],
          globalSetup: ['test/templates/support/projects.ts'],
          testTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        // Real clients, browsers and proxies at a generated server. Its first run installs the clients.
        test: {
          name: 'interop',
          sequence: { groupOrder: 3 },
          include: ['test/interop/**/*.test.ts'],
          globalSetup: ['test/interop/support/projects.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        // Several generated servers behind nginx, with Redis between them.
        test: {
          name: 'relay',
          sequence: { groupOrder: 4 },
          include: ['test/relay/**/*.test.ts'],
          globalSetup: ['test/relay/support/projects.ts'],
          testTimeout: 30_000,
          maxWorkers: 2,
        },
      },
      {
        // What needs a browser, builds and runs a project's image, or runs a project's own tests again and again.
        test: {
          name: 'slow',
          sequence: { groupOrder: 4 },
          include: ['test/slow/**/*.test.ts'],
          globalSetup: ['test/templates/support/projects.ts'],
          testTimeout: 120_000,
          maxWorkers: 2,
        },
      },
      {
        // The published command, run by each package manager. Its first run installs them, and a registry.
        test: {
          name: 'registry',
          sequence: { groupOrder: 5 },
          include: ['test/registry/**/*.test.ts'],
          globalSetup: ['test/registry/support/registry.ts'],
          testTimeout: 120_000,
        },
      },
      {
        // Projects in repositories of git, brought to this version.
        test: {
          name: 'update',
          sequence: { groupOrder: 6 },
          include: ['test/update/**/*.test.ts'],
          testTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        // The packed command, run as a user runs it.
        test: {
          name: 'e2e',
          sequence: { groupOrder: 1 },
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/pack.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
