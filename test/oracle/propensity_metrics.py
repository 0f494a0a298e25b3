"""Reads y,p rows from a CSV; prints AUC, average precision, log-loss, Brier of
scikit-learn, and isotonic regression's value at every row, in the file's order."""
import sys
import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (average_precision_score, brier_score_loss, log_loss,
                             roc_auc_score)

rows = [line.strip().split(",") for line in open(sys.argv[1])]
y = np.array([row[0] == "t" for row in rows])
p = np.array([float(row[1]) for row in rows])
for value in (roc_auc_score(y, p), average_precision_score(y, p), log_loss(y, p),
              brier_score_loss(y, p)):
    print("%.17g" % value)
for value in IsotonicRegression(out_of_bounds="clip").fit(p, y.astype(float)).predict(p):
    print("%.17g" % value)
