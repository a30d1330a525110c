// Yarn 2 and later patch TypeScript for Plug'n'Play, which this project does not use. Up to Yarn 4.9 the patch fails on
// TypeScript 7, and with it the install. Yarn 1 does not read this file.
module.exports = {
  name: 'unpatched-typescript',
  factory: (require) => {
    const { structUtils } = require('@yarnpkg/core');
    return {
      hooks: {
        reduceDependency(dependency) {
          const isPatched = dependency.name === 'typescript' && dependency.range.startsWith('patch:');
          return isPatched
            ? structUtils.parseDescriptor(structUtils.parseRange(dependency.range).source)
            : dependency;
        },
      },
    };
  },
};
