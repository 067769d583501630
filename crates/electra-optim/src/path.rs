//! The path of a parameter, as a traversal of its module reaches it.

/// The path to where a traversal stands: the names of the modules entered so far.
#[derive(Default)]
pub(crate) struct ModulePath(Vec<String>);

impl ModulePath {
    pub(crate) fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    pub(crate) fn exit(&mut self) {
        self.0.pop();
    }

    pub(crate) fn dotted(&self) -> String {
        self.0.join(".")
    }
}

/// The two methods that keep `self.path` current in a visitor or mapper.
macro_rules! track_path {
    () => {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.enter(name);
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.exit();
        }
    };
}

pub(crate) use track_path;
